"""The face to staff: sign-in, the fund's day, differences and their evidence, members, queues, audit."""
