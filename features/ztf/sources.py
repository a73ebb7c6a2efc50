"""Where the definitions come from."""

LASAIR = "Lasair ZTF pipeline"
PACKET = "ZTF alert packet"
HTM = "Kunszt, Szalay & Thakar 2001, Hierarchical Triangular Mesh"
GALACTIC = "J2000 galactic pole, Reid & Brunthaler 2004"
