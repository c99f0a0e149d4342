-- What the router has heard: the exact bytes, kept once. Notification holds no key to the blocks.
create table heard (
  event uuid primary key,
  source text not null,
  seq bigint not null,
  child uuid not null,
  partition smallint not null,
  recorded_at text not null,
  envelope bytea not null,
  blocks bytea not null
);
create index heard_by_child on heard (child);
alter table heard alter column blocks set storage external;

-- Roles in force; `given` is the event that granted it: a role that ended and came again is given the history again.
create table access (
  child uuid not null, agency uuid not null, role text not null, given uuid not null,
  primary key (child, agency, role)
);

-- Townships that handed a child over, and who is responsible now.
create table moved (child uuid not null, sender uuid not null, receiver uuid not null, primary key (child, sender));

-- Duties as they stand, for the clock and for what moves or corrects them; `version` is that of the duty's stream.
create table duty (
  duty uuid primary key,
  version integer not null,
  child uuid not null,
  about uuid not null,
  cause uuid not null,
  owed_by uuid not null,
  met boolean not null,
  runs_out timestamptz          -- when the clock must look at it; empty: no limit, stopped, met or missed
);
create index duty_by_child on duty (child);
create index duty_by_time on duty (runs_out) where runs_out is not null;

-- The feed: notification's own record of what it disclosed, when, to whom, by which rule. Never rebuilt.
create table feed (
  seq bigint primary key,
  partition smallint not null,
  agency uuid not null,
  child uuid not null,
  event uuid not null references heard,
  role text not null,
  given uuid not null,
  clause text not null,
  rules_hash text not null,
  shown smallint[] not null,
  disclosed_at timestamptz not null,
  unique (agency, event, role, given)
);
create index feed_by_partition on feed (partition, seq);
create index feed_by_event on feed (event);
create index feed_by_child on feed (agency, child);
create table feed_head (one boolean primary key default true check (one), head bigint not null default 0);
insert into feed_head default values;

-- Which keys the feed has earned each agency: subject × class.
create table disclosed (agency uuid not null, subject uuid not null, class text not null,
                        primary key (agency, subject, class));
