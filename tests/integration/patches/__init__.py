"""The drop directory with real files, real inotify and a real store; no engine."""
