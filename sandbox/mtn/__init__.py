"""MTN MoMo's collection API as the gateway meets it."""
