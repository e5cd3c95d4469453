"""Staff's hands on money: suggestions, decisions by maker and checker, every one a linked transfer."""
