"""The bus: a publisher, a consumer, dead letters and the topics they use. It knows no service."""
