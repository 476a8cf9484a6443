"""How a release is called: the HTTP service, the batch job and the bento. No training, no MLflow."""
