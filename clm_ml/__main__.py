"""`python -m clm_ml` is `clm-ml`."""

from clm_ml.cli import main

if __name__ == "__main__":
    main()
