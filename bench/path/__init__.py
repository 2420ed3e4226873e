"""What a fact costs on its whole way, and how many get through: the whole system, its broker and store on the same
cores, loaded from a process of its own."""
