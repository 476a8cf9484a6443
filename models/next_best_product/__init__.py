"""Next-best-product: which products each customer should be offered next."""
