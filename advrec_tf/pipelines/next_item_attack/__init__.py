"""The attacks on a next-item model: polluted histories, fake users, what defends against them."""
