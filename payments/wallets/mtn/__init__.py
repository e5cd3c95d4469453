"""MTN MoMo collections (MoMo Open API), in every country that has them."""
