"""The stream of what users do: appended by whoever sees it, read in order by who keeps profiles fresh."""
