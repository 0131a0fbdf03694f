"""The demo organisation's people, pipelines, companies and wording, from which its records are drawn."""

from server.process.runtime import DEMO_SUBJECT

LEADS, OPPORTUNITIES = 180, 130

MEMBERS = (
    (DEMO_SUBJECT, "Ada Winter", "ADMIN", "Europe/Berlin"),
    ("demo-manager", "Miguel Santos", "MANAGER", "Europe/Madrid"),
    ("demo-rep-1", "Grace Okafor", "REP", "Europe/London"),
    ("demo-rep-2", "Tom Lindqvist", "REP", "Europe/Stockholm"),
    ("demo-rep-3", "Priya Nair", "REP", "Asia/Kolkata"),
    ("demo-rep-4", "Jonas Weber", "REP", "Europe/Berlin"),
    ("demo-rep-5", "Claire Dubois", "REP", "Europe/Paris"),
    ("demo-viewer", "Sam Whitfield", "VIEWER", "America/New_York"),
)
PIPELINES = (
    (
        "New business",
        "LEAD",
        (("New", "OPEN", 5), ("Contacted", "OPEN", 10), ("Qualified", "OPEN", 25), ("Unsuitable", "LOST", 0)),
    ),
    (
        "Sales",
        "OPPORTUNITY",
        (
            ("Discovery", "OPEN", 20),
            ("Demonstration", "OPEN", 40),
            ("Proposal", "OPEN", 60),
            ("Negotiation", "OPEN", 80),
            ("Won", "WON", 100),
            ("Lost", "LOST", 0),
        ),
    ),
)
FIRST_NAMES = (
    "Amelia Bruno Chiara Daniel Elif Farid Greta Hugo Ines Jakub Kemi Lars Maya Nikos Olga Pablo Quinn Rosa Stefan"
    " Tara Uma Viktor Wanda Xenia Yusuf Zoe"
).split()
LAST_NAMES = (
    "Abbott Baker Conti Delgado Eriksen Fischer Garcia Hansen Ivanova Jensen Kowalski Lopez Meyer Novak Olsen Petrov"
    " Quist Rossi Schmidt Tanaka Ueda Vargas Walker Young Zimmer"
).split()
COMPANIES = (
    "Alder Bright Cobalt Delta Ember Fjord Granite Harbour Iris Juniper Kestrel Lumen Meadow Nimbus Orchard Pioneer"
    " Quartz River Summit Timber Umbra Vertex Willow Yonder Zephyr"
).split()
BUSINESSES = (
    ("Logistics", "Transport"),
    ("Foods", "Food"),
    ("Energy", "Energy"),
    ("Clinics", "Health"),
    ("Works", "Manufacturing"),
)
WANTS = (
    "Starter package",
    "Team licence",
    "Company licence",
    "Onboarding",
    "Renewal",
    "Extension",
    "Pilot",
    "Integration",
)
SOURCES = ("Website", "Trade fair", "Referral", "Newsletter", "Cold call")
TASKS = ("Call back", "Send the offer", "Book a demonstration", "Ask about the budget", "Send references", "Follow up")
REASONS = ("No budget", "Chose a competitor", "No answer", "Bad timing")
