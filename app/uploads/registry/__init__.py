"""Local coordinate reference systems that an administrator registers by name: their parameters stay inside."""
