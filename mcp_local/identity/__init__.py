"""Raw token → verified claims → Identity. Pure: keys and time come in as arguments."""
