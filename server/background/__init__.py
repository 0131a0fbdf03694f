"""What runs beside requests, in each serving process or in processes of its own."""
