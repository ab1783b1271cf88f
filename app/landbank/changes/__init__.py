"""Why an answer known at one moment differs from the same answer known at another."""
