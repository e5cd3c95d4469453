"""What every room stands on: settings, database, clock, money, phones, encryption, audit, outbox, logs."""
