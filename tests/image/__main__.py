"""`make image-test`: lints, builds the image, says its size, starts it as compose.yaml does. Says what it cannot do."""

import json
import subprocess
import sys

from tests.image import build, lint

OVER_BASE_MB = 150


def main() -> None:
    if not lint.installed():
        print("Dockerfile and compose.yaml are not linted: the tools cannot be installed here.")
    elif found := lint.complaints():
        raise SystemExit("\n".join(found))
    else:
        print("Dockerfile and compose.yaml are linted: ok")
    if lack := build.lacks():
        print(f"The image is not built here: {lack}.")
        return
    base = build.base()
    build.build(base)
    size, of_base = build.megabytes(build.IMAGE), build.megabytes(base)
    print(f"The image has {size:.0f} MB, {size - of_base:.0f} over its base of {of_base:.0f}.")
    started = started_well()
    if size - of_base > OVER_BASE_MB:
        raise SystemExit(f"That is more than {OVER_BASE_MB} MB over its base.")
    sys.exit(0 if started else "The image does not start as it should.")


def started_well() -> bool:
    container = build.run("buildah", "from", "--pull-never", build.IMAGE)
    try:
        root = build.run("buildah", "mount", container)
        inside = ["unshare", "--mount", "--net", sys.executable, "-m", "tests.image.smoke", root]
        settings = json.dumps(build.settings_of(build.IMAGE))
        return subprocess.run(inside, input=settings, text=True, cwd=build.ROOT).returncode == 0
    finally:
        build.run("buildah", "rm", container)


if __name__ == "__main__":
    main()
