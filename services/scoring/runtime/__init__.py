"""What carries the processor: Faust's transport, transactions, recovery, the worker."""
