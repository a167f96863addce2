"""What a new cloud starts with."""
def seed(cloud):
    for service in cloud.services:
        if service.seed:
            service.seed(cloud)
