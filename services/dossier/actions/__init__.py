"""What people make happen to clients, their contact history and their invoices."""
