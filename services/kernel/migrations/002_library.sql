-- Positions that an application of the `eventsourcing` library has processed of others, committed with its events.
create table tracking (application text primary key, position bigint not null);
