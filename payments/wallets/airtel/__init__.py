"""Airtel Money collections (openapi.airtel.africa), in every country that has them."""
