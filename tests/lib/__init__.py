"""What tests with whole processes share: names of their own, processes, waiting, clients, servers, hosts, images."""
