"""The sign-in: one at a time on a machine, by browser or device code, in a process of its own."""
