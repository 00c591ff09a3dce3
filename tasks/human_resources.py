"""Human resources: workers, jobs and positions."""

from __future__ import annotations

from tasks.entity import entity

job_functions = entity("Compensation job function")
job_types = entity("Compensation job type")
jobs = entity("Jobs")
position_types = entity("Position type")
positions = entity("Positions V2")
workers = entity("Worker")
employments = entity("Employment per company")
position_worker_assignments = entity("Position worker assignments")
language_codes = entity("Language codes")
ethnic_origins = entity("Ethnic origins")
veteran_statuses = entity("Veteran status")
