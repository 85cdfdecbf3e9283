"""Mail about privacy: the mailbox, parsing messages, the texts of our letters, and the queue that sends them."""
