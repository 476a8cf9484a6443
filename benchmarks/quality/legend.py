"""What the methods are, in a few words; their modules cite the sources."""

from collections.abc import Iterable

from benchmarks.quality.markdown import table

METHODS = {
    "blend": "ours: trees, the wide regression and BG/NBD, averaged",
    "lightgbm": "small boosted trees on all features, alone; measured beside the others and never chosen",
    "wide_logistic": "logistic regression on all features",
    "pareto_nbd": "Pareto/NBD on the days of orders alone, as the probability of an order in the window",
    "bg_nbd": "BG/NBD, the same",
    "rfm_logistic": "logistic regression on recency, number of orders, spend and tenure",
    "recency": "days since the last order alone",
    "two_stage": "ours: candidates of several generators, ranked by boosted trees",
    "most_popular": "what most customers bought lately",
    "personal_frequency": "what the customer bought most often, filled up with what is popular",
    "decayed_frequency": "the customer's own purchases, older ones counting less, and what is popular lately",
    "tifu_knn": "TIFU-KNN: decayed purchases of the customer and of similar customers",
    "up_cf": "UP-CF: similar customers by what they bought lately; where items may repeat, ours adds the "
    "customer's own purchases and can be above the published figure",
    "item_knn": "what is bought by those who bought the same items",
    "ease": "EASE^R: a linear model of each item on the others; where items may repeat, ours reads the item itself too "
    "and can be above the published figure",
    "als": "implicit matrix factorisation by alternating least squares",
    "seed_logistic": "ours: logistic regression on the seeds, with what earlier groups taught",
    "plain_logistic": "logistic regression on the seeds alone",
    "centroid": "cosine to the centre of the seeds, standardised among those who are ranked",
    "spend_rank": "spend of the last 90 days, whoever the seeds are",
}


def legend(names: Iterable[str]) -> str:
    """Return a table of the methods that are named."""
    known = [(f"`{name}`", METHODS[name]) for name in dict.fromkeys(names) if name in METHODS]
    return table(("method", "what it is"), known) if known else ""
