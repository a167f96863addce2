"""The planner: a pure function from (live resources, wanted resources) to a Plan, made of small passes."""
