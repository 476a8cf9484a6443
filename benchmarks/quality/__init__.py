"""How good the predictions are beside simple and published methods, on published splits of three retailers' orders."""
