-- Bodies that are left out of a child's case, who stands in their place, and until when.
create table recused (child uuid not null, body uuid not null, instead uuid not null, until date,
                      primary key (child, body));

-- When emergency accesses end: what the clock looks at.
create table emergency (emergency uuid primary key, child uuid not null, runs_out timestamptz not null);
create index emergency_by_time on emergency (runs_out);
