"""Sixty sentences in English and French, which stand in for the file of `pairs` where none is
given: enough to see what a file looks like, and far too few to learn a language from."""

SAMPLE = """\
The garden is behind the house.	Le jardin est derrière la maison.
The house is near the river.	La maison est près de la rivière.
The river is cold in winter.	La rivière est froide en hiver.
In winter we drink tea.	En hiver, nous buvons du thé.
We drink coffee in the morning.	Nous buvons du café le matin.
In the morning the street is quiet.	Le matin, la rue est calme.
My street is very long.	Ma rue est très longue.
My brother has a green bicycle.	Mon frère a un vélo vert.
My sister has two cats.	Ma sœur a deux chats.
The cats sleep under the table.	Les chats dorment sous la table.
The table is made of wood.	La table est en bois.
There is bread on the table.	Il y a du pain sur la table.
I bought bread and cheese.	J'ai acheté du pain et du fromage.
I bought a blue coat.	J'ai acheté un manteau bleu.
Your coat is still wet.	Ton manteau est encore mouillé.
Your coat is still wet.	Votre manteau est encore mouillé.
The children play in the garden.	Les enfants jouent dans le jardin.
The children are hungry.	Les enfants ont faim.
Are you hungry?	As-tu faim ?
Are you hungry?	Avez-vous faim ?
Are you ready?	Es-tu prêt ?
Are you ready?	Êtes-vous prêts ?
I am almost ready.	Je suis presque prête.
I am not tired.	Je ne suis pas fatigué.
She is not at home.	Elle n'est pas à la maison.
She works in a library.	Elle travaille dans une bibliothèque.
The library closes at six.	La bibliothèque ferme à dix-huit heures.
The shop opens at nine.	Le magasin ouvre à neuf heures.
The train leaves at noon.	Le train part à midi.
The train is late again.	Le train est encore en retard.
He came too late.	Il est arrivé trop tard.
He came with his dog.	Il est venu avec son chien.
His dog is old.	Son chien est vieux.
The old bridge is closed.	Le vieux pont est fermé.
Close the window, please.	Ferme la fenêtre, s'il te plaît.
Close the window, please.	Fermez la fenêtre, s'il vous plaît.
Open the door.	Ouvre la porte.
Open the door.	Ouvrez la porte.
The door was open.	La porte était ouverte.
It was raining yesterday.	Il pleuvait hier.
It will rain tomorrow.	Il pleuvra demain.
Tomorrow we will go to the sea.	Demain, nous irons à la mer.
The sea is calm today.	La mer est calme aujourd'hui.
Today I have no time.	Aujourd'hui, je n'ai pas le temps.
Do you have a moment?	Tu as un moment ?
I have lost my key.	J'ai perdu ma clé.
I have found your gloves.	J'ai retrouvé tes gants.
Where are my glasses?	Où sont mes lunettes ?
Where does this road go?	Où mène cette route ?
This road is new.	Cette route est neuve.
This soup is too hot.	Cette soupe est trop chaude.
The soup smells good.	La soupe sent bon.
We sing every evening.	Nous chantons tous les soirs.
They sing well.	Ils chantent bien.
They sing well.	Elles chantent bien.
They live in the mountains.	Ils habitent à la montagne.
Snow covers the mountains.	La neige couvre les montagnes.
I like snow.	J'aime la neige.
I like this song.	J'aime cette chanson.
Thank you for the letter.	Merci pour la lettre.
"""
