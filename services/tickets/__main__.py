from services.tickets.main import main

main()
