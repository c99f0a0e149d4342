"""What a service hears of others: the consume loop, and the copies that all of them keep."""
