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

create table access (child uuid not null, agency uuid not null, role text not null, primary key (child, agency, role));

-- The feed: notification's own record of what it disclosed, when, to whom, by which rule. Never rebuilt.
create table feed (
  seq bigint primary key,
  partition smallint not null,
  agency uuid not null,
  child uuid not null,
  event uuid not null references heard,
  role text not null,
  clause text not null,
  rules_hash text not null,
  shown smallint[] not null,
  disclosed_at timestamptz not null,
  unique (agency, event, role)
);
create index feed_by_partition on feed (partition, seq);
create table feed_head (one boolean primary key default true check (one), head bigint not null default 0);
insert into feed_head default values;

-- Which keys the feed has earned each agency: subject × class.
create table disclosed (agency uuid not null, subject uuid not null, class text not null,
                        primary key (agency, subject, class));
