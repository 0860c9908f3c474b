"""What a person, staff or an event makes happen to a request; every action takes the session and never commits."""
