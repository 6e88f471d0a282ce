"""How gunicorn serves RunsDash. Flags on the command line win over what is here."""

workers = 2
worker_class = "gthread"
threads = 8
bind = "127.0.0.1:8000"
timeout = 60
# Streams and slow readers are cut after this when the server is told to stop.
graceful_timeout = 5
keepalive = 30
limit_request_line = 8190  # /go/ takes whole log lines, and its form sends them in the address
max_requests = 20_000
max_requests_jitter = 2_000
accesslog = None
# gunicorn would keep a socket under the home directory, which a container's user cannot write.
control_socket_disable = True
