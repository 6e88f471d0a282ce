"""How gunicorn serves RunsDash. Flags on the command line win over what is here."""

import resource

workers = 2
worker_class = "runsdash.web_worker.PatientWorker"  # a slow client holds no thread
threads = 8
worker_connections = 2000
# Each connection is an open file; systems often begin with 1024.
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if soft < 2 * worker_connections:
    most = 2 * worker_connections if hard == resource.RLIM_INFINITY else min(hard, 2 * worker_connections)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
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


def post_worker_init(worker):
    """Begins to write what the process counts, for /metrics."""
    from runsdash.index.storage.measures import write_now_and_then

    write_now_and_then()


def worker_exit(server, worker):
    """Writes what was counted since."""
    from runsdash.index.storage.measures import write_measures

    write_measures()
