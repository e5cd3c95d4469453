"""RQ workers: the table of topics and queues, the relay from the outbox, the schedule, the one job."""
