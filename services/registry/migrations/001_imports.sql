-- How an office wants its own columns understood: a label as it writes it, and the form's label, or none where it is not read.
create table column_choice (
  body uuid not null,
  label text not null,
  field text,
  chosen_by uuid not null,
  chosen_at timestamptz not null,
  primary key (body, label)
);
