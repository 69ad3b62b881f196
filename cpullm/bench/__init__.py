"""What `cpullm bench` measures, a part at a time; every contestant and every repeat runs in a process of its own."""
