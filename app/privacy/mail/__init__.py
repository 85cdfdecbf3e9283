"""Mail about privacy: reading it, the mailbox, what is answered, and the queue it is sent from."""
