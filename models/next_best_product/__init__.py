"""Next-best-product: ranked products for each customer, with a reason for each."""
