"""Who is signed in, as a server sees it; and the errands it sends broker processes on."""
