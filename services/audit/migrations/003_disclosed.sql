-- What was disclosed to a body in a time is read in order of telling.
create index told_by_agency on told (agency, seq);
