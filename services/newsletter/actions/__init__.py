"""What people, the e-mail programme and the clock make happen to a subscription."""
