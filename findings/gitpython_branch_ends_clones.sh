#!/usr/bin/env bash
# GitPython makes a branch that git refuses, and from then on nobody can clone the repository.
#
# Guess:  Repo.create_head("best/one") beside a branch "best" raises, as `git branch` does: a ref cannot be
#         file and folder.
# Is:     GitPython writes the ref's file itself. Once `git gc` or `git pack-refs` has packed "best", nothing
#         is in the way on the disk, and the branch is made. git lists both branches, and `git fsck` exits 0.
# Seen:   GitPython 3.2.1 with git 2.39.5.
# Costs:  every clone and every mirror of the repository fails: backups stop, new machines of a swarm get no
#         code, while the process that wrote the branch sees nothing.
# Do:     write refs with `git update-ref`, which checks, and keep all names of one kind at one depth.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{ python3 -m venv "$dir" &&
  "$dir/bin/pip" install -q --no-compile --disable-pip-version-check GitPython==3.2.1; } || exit 2
cd "$dir"
unset "${!GIT_@}"
export HOME=$dir GIT_CONFIG_NOSYSTEM=1
for who in AUTHOR COMMITTER; do export "GIT_${who}_NAME=A. Person" "GIT_${who}_EMAIL=person@example.org"; done

git init -q --bare campaign.git
commit=$(git -C campaign.git commit-tree -m first "$(git -C campaign.git mktree </dev/null)")
git -C campaign.git update-ref refs/heads/best "$commit"
git -C campaign.git pack-refs --all
echo "$(git --version), GitPython $(bin/python -c 'import git; print(git.__version__)')"
if git -C campaign.git update-ref refs/heads/best/one "$commit"; then
  echo "changed: git itself makes the branch"; exit 1
fi
git clone -q --mirror campaign.git before && echo "clone --mirror before: fine"
bin/python - "$commit" <<'PY'
import sys

import git

print("create_head:", git.Repo("campaign.git").create_head("best/one", sys.argv[1]).path)
PY
git -C campaign.git for-each-ref
git -C campaign.git fsck && echo "fsck: exit code 0"
for form in "" --bare --mirror; do
  if git clone -q $form campaign.git "after$form"; then echo "changed: git clone $form works"; exit 1; fi
done
