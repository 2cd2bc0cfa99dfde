"""Capital into claims: markets price artifacts, bounties add to them, the allocator shares a pool by both."""
