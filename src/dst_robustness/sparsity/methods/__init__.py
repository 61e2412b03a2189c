"""One file a method: a schedule, a budget, what is dropped and what is grown."""
