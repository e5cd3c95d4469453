"""What operators type: the command line, the launcher, the embedded servers and the doctor."""
